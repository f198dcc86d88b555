"""Raw parts of a mapping"""
