"""
Packets: their protection, their compression, and the buffers that they are received in and sent from.
"""
