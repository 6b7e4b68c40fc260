"""The worker's supervisor: one rclone daemon, one Prefect worker, the secrets between them.

It alone decrypts service accounts of sources and makes remotes; flow runs ask it for sockets.
"""
