"""Where the README's figures come from: each compares with something simpler in the same run."""
