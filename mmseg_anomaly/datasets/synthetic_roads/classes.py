"""The classes of the generated world; their order is their id."""

CLASSES = ('road', 'sidewalk', 'building', 'vegetation', 'sky', 'car',
           'person', 'pole')
PALETTE = [[128, 64, 128], [244, 35, 232], [70, 70, 70], [107, 142, 35],
           [70, 130, 180], [0, 0, 142], [220, 20, 60], [153, 153, 153]]
(ROAD, SIDEWALK, BUILDING, VEGETATION, SKY, CAR, PERSON,
 POLE) = range(len(CLASSES))
