"""rclone as a mover: one daemon a worker, spoken to over unix sockets."""
