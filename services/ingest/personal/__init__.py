"""Personal data at the edge: normalised so that people match, hidden behind pseudonyms, and taken out of free text. All pure."""
