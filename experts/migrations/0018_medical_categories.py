
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('experts', '0017_search_more_words'),
    ]

    operations = [
        migrations.AddField(
            model_name='category',
            name='is_medical',
            field=models.BooleanField(db_default=False, default=False, help_text='Its experts are physicians. Search engines are told so; otherwise, that they are persons.', verbose_name='doctors'),
        ),
    ]
