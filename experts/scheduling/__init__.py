"""From weekly hours and time off to slots."""
