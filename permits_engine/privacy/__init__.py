"""The person's rights over their data: asked for, answered in time, held back by law, and carried out."""
