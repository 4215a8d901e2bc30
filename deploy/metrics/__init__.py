"""The metrics of one process: one registry, which is read when somebody asks for `/metrics`."""
