"""The API gateway: routes `/{case}/{api}/...` to a server that serves it, as the registry says."""
