"""The holder's proof of filing: a paper in their language, and a signature that anybody can check."""
