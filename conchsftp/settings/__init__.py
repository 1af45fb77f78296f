"""
Floor 2. What an operator may set. Declarations.
"""
