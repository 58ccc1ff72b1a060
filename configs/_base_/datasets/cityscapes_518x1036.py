# Cityscapes, 19 classes, in its own resolution: 518x1036 crops in training,
# which patches of 14x14 fill; test images as they are.
_base_ = './cityscapes_512x1024.py'

crop_size = (518, 1036)  # (h, w)
train_pipeline = [
    *_base_.train_pipeline[:4],
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    *_base_.train_pipeline[5:]
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
