"""Where audio comes from: files, pipes and microphones."""
