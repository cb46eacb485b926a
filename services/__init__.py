"""The services. None imports another; what one knows of another is in shared.contracts."""
