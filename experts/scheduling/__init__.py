"""Work out the slots that weekly hours and time off ask for."""
