"""
Methods of key exchange: arithmetic and messages. Knows no connection.
"""
