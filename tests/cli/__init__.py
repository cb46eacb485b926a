"""Tests of the `hearback` command and the local stack."""
