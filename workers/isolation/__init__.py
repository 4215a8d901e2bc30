"""Reads PDFs and web pages in child processes, which have limits on time and memory and hold nothing worth taking.

`documents.py` is what others call. This file imports nothing, so that a child starts fast.
"""
