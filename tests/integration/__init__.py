"""Several processes, threads and connections on one database file, and what the disk may do to it."""
