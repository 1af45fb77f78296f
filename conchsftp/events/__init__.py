"""
Floor 2. What an application is told, and may change. Declarations.
"""
