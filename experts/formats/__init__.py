"""How days, times and numbers are written: one module for each language (Django's FORMAT_MODULE_PATH)."""
