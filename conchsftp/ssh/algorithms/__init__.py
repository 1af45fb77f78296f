"""
The registry of algorithms: one row each, and which of them a server offers. Implements only what signs.
"""
