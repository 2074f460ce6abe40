"""Tiercel: releases from GitHub to pairs of AWS accounts, the GitFlow way, run by Prefect.

The layers lie at the top of the repository and are linked into this package, so that an
installation claims one name, `tiercel`, and a checkout shows its architecture at first sight.
"""
