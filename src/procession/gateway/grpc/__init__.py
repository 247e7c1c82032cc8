"""The Zeebe gRPC protocol: `gateway_protocol.Gateway`, the health service, and a service of our own."""
