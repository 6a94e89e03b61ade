"""One thread a test process: small networks on shared cores are faster so, and xdist brings two."""

import torch

torch.set_num_threads(1)
