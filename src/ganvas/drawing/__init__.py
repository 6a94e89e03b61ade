"""What people look at: grids, plots, captions, films."""
