"""
Floor 6. Putting it together: avatar, service, factory.
"""
