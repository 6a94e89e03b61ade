"""The page of `ganvas watch`: every run and study below a folder, live and read-only.

From the bottom: `inside` (no file outside the folder), `tail` (appended lines), `series` (a long
history in little memory), `records` (findings and scores), `run`, `curves` and `study` (what is
known of each), `folder` (all of them), `stream` (what a page gets), `app` (what is served), and
pages/ (what a browser makes of it).
"""
