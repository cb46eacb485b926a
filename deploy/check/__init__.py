"""What `make check` holds against deploy/: manifests that a cluster would refuse, or that would start a service with the wrong settings."""
