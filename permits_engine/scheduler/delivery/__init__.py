"""Letters and the ways they leave the house: templates, messages, folder, SMTP, counter, sink."""
