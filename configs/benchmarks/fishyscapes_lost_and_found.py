# Fishyscapes Lost & Found val, 100 images of LostAndFound with new labels.
_base_ = './road_anomaly.py'

test_dataloader = dict(
    dataset=dict(
        type='FishyscapesLostAndFoundDataset',
        data_root='data/fishyscapes_lostandfound',
        image_root='data/LostAndFound'))
