"""Where the jobs of a sweep run: on this machine, on a Ray cluster, or by Slurm."""
