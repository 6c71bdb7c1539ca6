"""The old register comes in: a CSV file of a prefecture's past read, checked and taken over as history."""
