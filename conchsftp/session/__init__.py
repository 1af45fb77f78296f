"""
Floor 5. One SFTP conversation: the pipeline that every request takes.
"""
