"""The scheduler: a pass over what is due, the messages that go out, and their channels."""
