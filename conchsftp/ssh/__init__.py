"""
Floor 3. SSH on Conch's contracts: packets, key exchange, transport, connection.
"""
