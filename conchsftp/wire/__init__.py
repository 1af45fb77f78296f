"""
Floor 0. Bytes: reading, writing and cutting them to length. Imports the standard library only.
"""
