"""What the gateway knows of Appsmith instances comes from clean events alone."""
