# LostAndFound test without objects that Cityscapes knows, 1043 images.
_base_ = './road_anomaly.py'

test_dataloader = dict(
    dataset=dict(
        type='LostAndFoundDataset',
        data_root='data/LostAndFound',
        split='test_no_known'))
