"""Health: is the whole region ready?"""
