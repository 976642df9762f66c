"""What a page costs with 100 experts and with 100,000: `python -m bench.size` (bench/README.md)."""
