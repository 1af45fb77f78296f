"""
Floor 4. File systems: a confined local folder, memory, an application's own.
"""
