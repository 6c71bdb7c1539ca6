"""Every door that takes bytes from outside, given what nobody should ever bring."""
