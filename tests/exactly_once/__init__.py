"""The exactly-once proof: the account example's processes are killed with SIGKILL at every point of their
work, and the broker beside them; afterwards each effect is there once, and every case has ended.
"""
