"""The exactly-once proof: a service is killed with SIGKILL at every point between receiving a request and
acknowledging it, and the broker beside it; afterwards each effect is there once, and each answer arrived.
"""
