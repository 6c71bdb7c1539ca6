"""The dossier of one permit, for a court: everything that happened, why, who was told, and the proof of it."""
