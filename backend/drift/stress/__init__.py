"""How small a change to a seed sends its chain of nearest items to another attractor.

cells        where chains end that begin at any point of the space
rays         along a direction: the first point from which a chain ends elsewhere, exactly
cones        in any direction: the nearest such point, exactly
ascent       by projected gradient descent, for whatever has gradients, and by noise
words        a word of a caption for another
disturbing   seeds by all of these
curves       shares by the size of the change, and two runs held against each other
"""
