"""What every test process needs on a machine that does other things too."""

import torch
from hypothesis import settings

torch.set_num_threads(1)  # small networks on shared cores are faster so, and xdist brings two
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")
