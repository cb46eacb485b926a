"""The manifests and the image: what the checks of deploy/ find, and that they find it."""
