"""Every door that takes bytes from outside, given what no one should ever bring."""
