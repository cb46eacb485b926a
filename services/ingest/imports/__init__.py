"""Imports: files of history (CSV, XLSX, NDJSON) become events, each row counted once: read = accepted + duplicate + refused."""
