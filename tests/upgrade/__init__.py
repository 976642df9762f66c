"""A running old version survives the migrations of the new one: what is promised, and how it is tried."""

# The release before, whose processes may still run while `release` migrates. A new release puts itself here.
BASE = "ca76095d1febb74cd0477f3adc0cacb0ddcda4d4"
# What was applied in it: whatever comes later is looked at (test_migrations.py).
APPLIED = {"bookings": 43, "experts": 27}
