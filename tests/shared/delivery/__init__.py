"""Tests of shared.delivery against receivers and a mail server of this machine."""
